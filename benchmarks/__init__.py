"""What amiflow costs, beside other AMI clients and the machine's own limit: `make bench`, `make bench-short`."""
