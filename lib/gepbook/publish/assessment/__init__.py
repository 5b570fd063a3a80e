"""The assessment chapter: a scorecard first, then the evidence, one module a topic (考核篇)."""

from gepbook.publish.assessment import (
    audit,
    brand,
    credit,
    dual,
    evaluation,
    finance,
    funds,
    protection,
    scorecard,
    targets,
)

__all__ = [
    "audit",
    "brand",
    "credit",
    "dual",
    "evaluation",
    "finance",
    "funds",
    "protection",
    "scorecard",
    "targets",
]
