# SPDX-License-Identifier: BSD-3-Clause
"""Sphinx: sphinx-build -W -b html doc build/doc"""

project = "netvsc for DPDK"
author = "The netvsc driver for DPDK authors"
copyright = "2026, " + author   # noqa: A001 (the name is Sphinx's)
extensions = ["myst_parser"]
html_theme = "alabaster"
master_doc = "index"
