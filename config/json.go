package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// member is one key of an object, with its value as json.Decoder returns it.
type member struct {
	name  string
	value any
}

// readObject reads a JSON object without losing a key that is there twice.
func readObject(text string) ([]member, error) {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return nil, errors.New("this is not an object")
	}
	var members []member
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, errors.New("this is not JSON")
		}
		m := member{name: fmt.Sprint(name)}
		if err := decoder.Decode(&m.value); err != nil {
			return nil, errors.New("this is not JSON")
		}
		members = append(members, m)
	}
	if _, err := decoder.Token(); err != nil {
		return nil, errors.New("this is not JSON")
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, errors.New("something follows the JSON value")
	}
	return members, nil
}

func readJSON(text string) (any, error) {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, errors.New("something follows the JSON value")
	}
	return value, nil
}
