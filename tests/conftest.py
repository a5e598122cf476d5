"""Hypothesis for all tests: the same examples every time, and none fails for being slow.

``--hypothesis-profile=search`` looks for new ones.
"""

import hypothesis

hypothesis.settings.register_profile("project", deadline=None, derandomize=True)
hypothesis.settings.register_profile("search", deadline=None, max_examples=1000)
hypothesis.settings.load_profile("project")
