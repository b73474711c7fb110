// Command rclone is rclone with the backends that are measured: https://rclone.org.
package main

import (
	_ "github.com/rclone/rclone/backend/http"  // remotes of kind http
	_ "github.com/rclone/rclone/backend/local" // files
	_ "github.com/rclone/rclone/backend/s3"    // remotes of kind s3
	"github.com/rclone/rclone/cmd"
	_ "github.com/rclone/rclone/cmd/copy"   // rclone copy
	_ "github.com/rclone/rclone/cmd/copyto" // rclone copyto
)

func main() { cmd.Main() }
