"""The page: a call, or two of them, as one HTML file that people look at and listen to.

One file, nothing from elsewhere: :mod:`.model` is what the page is told, as JSON within it; the
scripts beside this file draw it. Built from the timeline, the measures, the checks and the sound.
"""

from .filling import page_of
from .model import Page
from .render import SHARED_STYLE, policy, render_page, templates

__all__ = ["SHARED_STYLE", "Page", "page_of", "policy", "render_page", "templates"]
