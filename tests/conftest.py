"""Settings of the whole test run."""

import os

# scikit-learn checks array API input only where SciPy was told so before its import.
os.environ.setdefault("SCIPY_ARRAY_API", "1")

from hypothesis import settings

# The same examples in every run, so that a change is red or green by its own doing; new ones are
# looked for with HYPOTHESIS_PROFILE=explore. No deadline: two cores run other tests beside it.
settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None, max_examples=1000, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))
