"""Tests the package where it lies, without its entry point for pytest."""

pytest_plugins = ["pytester", "flash_window_attention.pytest_plugin"]
