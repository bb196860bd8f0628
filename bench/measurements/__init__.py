"""One file for each measurement, named like its line in `bench.measurement.MEASUREMENTS`."""
