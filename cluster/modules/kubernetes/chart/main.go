// SPDX-License-Identifier: Apache-2.0

// Command chart renders a Helm chart folder to standard output:
//
//	chart -name RELEASE -namespace NAMESPACE [-values FILE] FOLDER
package main

import (
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
)

func main() {
	release := chartutil.ReleaseOptions{IsInstall: true, Revision: 1}
	flag.StringVar(&release.Name, "name", "", "name of the release")
	flag.StringVar(&release.Namespace, "namespace", "default", "namespace of the release")
	values := flag.String("values", "", "file with values that override the chart's")
	flag.Parse()
	if flag.NArg() != 1 || release.Name == "" {
		flag.Usage()
		os.Exit(2)
	}
	if err := render(os.Stdout, flag.Arg(0), *values, release); err != nil {
		fmt.Fprintln(os.Stderr, "chart:", err)
		os.Exit(1)
	}
}

func render(w io.Writer, folder, valuesFile string, release chartutil.ReleaseOptions) error {
	chart, err := loader.Load(folder)
	if err != nil {
		return fmt.Errorf("cannot load chart: %w", err)
	}
	values := chartutil.Values{}
	if valuesFile != "" {
		if values, err = chartutil.ReadValuesFile(valuesFile); err != nil {
			return fmt.Errorf("cannot read values: %w", err)
		}
	}
	renderValues, err := chartutil.ToRenderValues(chart, values, release, nil)
	if err != nil {
		return fmt.Errorf("cannot merge values: %w", err)
	}
	files, err := engine.Render(chart, renderValues)
	if err != nil {
		return fmt.Errorf("cannot render chart: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if !strings.HasSuffix(name, ".yaml") || strings.TrimSpace(files[name]) == "" {
			continue
		}
		if _, err := fmt.Fprintf(w, "---\n# %s\n%s\n", name, files[name]); err != nil {
			return fmt.Errorf("cannot write manifest: %w", err)
		}
	}
	return nil
}
