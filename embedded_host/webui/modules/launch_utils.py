"""Under its other name."""

from launch import git_tag, is_installed, run_pip  # noqa: F401
