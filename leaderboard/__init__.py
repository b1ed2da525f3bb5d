"""Suites, jobs, records, tables, pages and the command line."""
