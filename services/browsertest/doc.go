// Package browsertest tries the console in a real browser, Chromium, headless: `make test-browser`. Its tests have the build tag
// browser, so that nothing else needs a browser.
//
// testdata/axe/axe.min.js is axe-core 4.14.1 of Deque Systems, Inc., unchanged, from the npm package of that name, under the Mozilla Public
// License 2.0 (testdata/axe/LICENSE; its source: https://github.com/dequelabs/axe-core/tree/v4.14.1). Only tests use it: it is in no
// program and in no image.
package browsertest
