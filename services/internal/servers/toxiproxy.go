package servers

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

// Toxiproxy is a server that puts faults between two others: see its Proxy.
type Toxiproxy struct {
	api     string
	process *Process
}

// StartToxiproxy starts a server without proxies.
func StartToxiproxy(ctx context.Context) (*Toxiproxy, error) {
	bin, err := tool(ctx, "toxiproxy", "github.com/Shopify/toxiproxy/v2/cmd/server")
	if err != nil {
		return nil, err
	}
	t := &Toxiproxy{}
	err = retryPorts(func(port int) error {
		proc, err := StartProcess(exec.Command(bin, "-host", "127.0.0.1", "-port", strconv.Itoa(port)))
		if err != nil {
			return err
		}
		t.api, t.process = "http://"+net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), proc
		err = proc.Await(ctx, startLimit, func(ctx context.Context) error {
			return t.call(ctx, http.MethodGet, "/version", nil, nil)
		})
		if err != nil {
			proc.Stop(syscall.SIGKILL, time.Second)
		}
		return err
	})
	return t, err
}

// Stop ends the server and with it all proxies.
func (t *Toxiproxy) Stop() { t.process.Stop(syscall.SIGTERM, 5*time.Second) }

func (t *Toxiproxy) call(ctx context.Context, method, path string, body, answer any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	q, err := http.NewRequestWithContext(ctx, method, t.api+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(q)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err = io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return err
	case resp.StatusCode >= 300:
		return fmt.Errorf("toxiproxy: %s %s: %d %s", method, path, resp.StatusCode, text)
	case answer != nil:
		return json.Unmarshal(text, answer)
	}
	return nil
}

// Proxy is a TCP proxy in front of one server.
type Proxy struct {
	Addr string // host:port to connect to

	name string
	t    *Toxiproxy
}

// Proxy makes a proxy in front of a host:port, without faults yet.
func (t *Toxiproxy) Proxy(ctx context.Context, name, upstream string) (*Proxy, error) {
	p := &Proxy{name: name, t: t}
	return p, retryPorts(func(port int) error { // it keeps its port when it is cut and mended
		p.Addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		return t.call(ctx, http.MethodPost, "/proxies",
			map[string]any{"name": name, "listen": p.Addr, "upstream": upstream, "enabled": true}, nil)
	})
}

// Cut closes all connections and refuses new ones until Mend.
func (p *Proxy) Cut(ctx context.Context) error { return p.enable(ctx, false) }

// Mend undoes Cut.
func (p *Proxy) Mend(ctx context.Context) error { return p.enable(ctx, true) }

func (p *Proxy) enable(ctx context.Context, on bool) error {
	// The listener keeps its port: an update names it.
	return p.t.call(ctx, http.MethodPost, "/proxies/"+p.name, map[string]any{"listen": p.Addr, "enabled": on}, nil)
}

// Add puts a fault between the two: a toxic of this kind, with these attributes, on the way to the client ("downstream") or to
// the server ("upstream"). A fault of the same kind and way must not be there.
func (p *Proxy) Add(ctx context.Context, kind, way string, attributes map[string]any) error {
	return p.t.call(ctx, http.MethodPost, "/proxies/"+p.name+"/toxics", map[string]any{
		"name": kind + "_" + way, "type": kind, "stream": way, "toxicity": 1, "attributes": attributes,
	}, nil)
}

// Remove takes a fault away.
func (p *Proxy) Remove(ctx context.Context, kind, way string) error {
	return p.t.call(ctx, http.MethodDelete, "/proxies/"+p.name+"/toxics/"+kind+"_"+way, nil, nil)
}
