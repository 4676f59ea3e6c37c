"""axe-core (Deque Systems, MPL-2.0) in a page: what a screen reader or a keyboard cannot use."""

import sys
import tarfile
from pathlib import Path

from browser import opened

_PACKAGE = Path(sys.prefix) / "axe-core-4.14.1.tgz"


def faults(browser, path, **how):
    """Serious and critical faults of a page, as lines; `how` is of the window: width, colours.

    The page's policy forbids strangers' scripts, so it is lifted for axe alone.
    """
    assert _PACKAGE.exists(), f"there is no {_PACKAGE}, which finds faults; fetch it: make test"
    with tarfile.open(_PACKAGE) as package:
        script = package.extractfile("package/axe.min.js").read().decode()
    with opened(browser, path, bypass_csp=True, **how) as page:
        page.add_script_tag(content=script)
        found = page.evaluate("axe.run()")
    assert len(found["passes"]) > 10, "axe has hardly found anything to look at"
    return [
        f"{one['impact']} {one['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]
