// Package imagetest builds the two images, looks at every file in them, and runs them as the program plans to run them. Its
// tests need root, runc and a builder, so they have the build tag "images": `make test-images` runs them. docs/images.md tells
// what they use.
package imagetest
