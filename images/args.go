package images

import (
	"errors"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/internal/component"
	"scalable-backend/internal/stack"
)

// Args decides what runs on the instances and in the tasks.
type Args struct {
	// Stack is where the tier is deployed.
	Stack stack.Info
	// Architecture is that of the machines that run the images: "arm64" or "x86_64".
	Architecture string
	// DataKeyARN is the KMS key that encrypts the images; a repository keeps its key for good.
	DataKeyARN pulumi.StringInput
	// Agents tells that the stack has agents. Without, the agent's repository stays empty and Agent is not deployed.
	Agents bool
	// Backend and Agent are digest URIs in this stack's own repositories, deployed as they are; "" builds the image.
	Backend, Agent string
	// RDSBundleChecksum pins the certificate authorities of Amazon RDS that the backend's image takes along: "sha256:" and 64
	// hexadecimal digits. A build that downloads anything else fails; "" trusts the download.
	RDSBundleChecksum string
	// Context is the directory that Docker builds from, relative to the Pulumi project. Its text is part of the name that
	// awsx gives to an image: changing it replaces both images. "" is "./services".
	Context string
}

func (a *Args) validate() error {
	if a == nil {
		return errors.New("images.Args: want a value, got nil")
	}
	check := component.NewCheck("images.Args")
	check.Inputs(*a, nil)
	_, known := platforms[a.Architecture]
	check.That(known, "Architecture", "arm64 or x86_64", a.Architecture)
	_, known = rdsBundles[a.Stack.Partition]
	check.That(known, "Stack.Partition", "aws, aws-us-gov or aws-cn", a.Stack.Partition)
	// Absolute paths would put this machine's folders into the image's name, and ".." would leave the project.
	inside := !strings.HasPrefix(a.Context, "/") && !slices.Contains(strings.Split(a.Context, "/"), "..")
	check.That(inside, "Context", "a path inside the project", a.Context)
	if a.RDSBundleChecksum != "" {
		check.NoError("RDSBundleChecksum", CheckChecksum(a.RDSBundleChecksum))
	}
	if a.Backend != "" {
		check.NoError("Backend", a.checkURI(a.Backend, Backend))
	}
	if a.Agent != "" {
		check.NoError("Agent", a.checkURI(a.Agent, Agent))
	}
	return check.Err()
}

func (a *Args) checkURI(uri, service string) error {
	return CheckURI(uri, a.Stack.Region, accounts(a.Stack), RepositoryName(a.Stack.Project, a.Stack.Stack, service))
}
