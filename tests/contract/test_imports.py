"""Data flow down the layers and never back up."""

import grimp
import pytest

GRAPH = grimp.build_graph("gepbook", cache_dir=None)
BANNED = [
    ("gepbook.accounting", ("gepbook.publish", "gepbook.batch", "gepbook.compensation")),
    ("gepbook.inventory", ("gepbook.publish", "gepbook.batch", "gepbook.accounting")),
    ("gepbook.compensation", ("gepbook.publish", "gepbook.batch", "gepbook.assessment")),
    ("gepbook.assessment", ("gepbook.publish", "gepbook.batch")),
    ("gepbook.publish", ("gepbook.batch",)),
    ("gepbook.inputs", ("gepbook.accounting", "gepbook.publish", "gepbook.batch", "gepbook.run")),
    ("gepbook.accounting.services", ("gepbook.inputs", "gepbook.run")),
    ("gepbook.accounting.factors", ("gepbook.inputs", "gepbook.run")),
    ("gepbook.params", ("gepbook.accounting", "gepbook.inputs", "gepbook.run")),
    ("gepbook.prices", ("gepbook.accounting", "gepbook.inputs", "gepbook.run")),
    ("gepbook.ledger", ("gepbook.accounting", "gepbook.inputs", "gepbook.run")),
]


@pytest.mark.parametrize(("importer", "banned"), BANNED, ids=[b[0] for b in BANNED])
def test_direction(importer, banned):
    members = {importer, *GRAPH.find_descendants(importer)}
    found = {
        (member, target)
        for member in members
        for target in GRAPH.find_modules_directly_imported_by(member)
        if any(target == b or target.startswith(f"{b}.") for b in banned)
    }
    assert not found
