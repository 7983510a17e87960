"""The product's settings, with one page more (trivial_urls)."""

from config.settings import *  # noqa: F403 - that is what this file is for

ROOT_URLCONF = "benchmarks.trivial_urls"
