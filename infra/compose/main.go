// Reads docker-compose.yml with the library that `docker compose` reads it with, and prints what one profile starts, as JSON:
//
//	go run . <directory of the file> <profile>
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/compose-spec/compose-go/v2/cli"
)

func main() {
	if len(os.Args) != 3 {
		fail(fmt.Errorf("usage: go run . <directory of docker-compose.yml> <profile>"))
	}
	options, err := cli.NewProjectOptions(nil,
		cli.WithWorkingDirectory(os.Args[1]),
		cli.WithDefaultConfigPath,
		cli.WithDotEnv,
		cli.WithProfiles([]string{os.Args[2]}),
	)
	if err != nil {
		fail(err)
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		fail(err)
	}
	json, err := project.MarshalJSON()
	if err != nil {
		fail(err)
	}
	os.Stdout.Write(json)
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
