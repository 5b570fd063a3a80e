"""Which model validates which section of the parameters; the batch checks all of them first."""

from __future__ import annotations

from gepbook.accounting import change, registry, seea, sites, uncertainty
from gepbook.assessment import TOPICS
from gepbook.bulletin import PlausibilityParams
from gepbook.compensation import SCHEMES
from gepbook.forms.model import SECTION as FORMS
from gepbook.forms.model import FormsParams
from gepbook.inputs.own_data import limits
from gepbook.inventory import asset_account, condition, grading, monitoring, registration
from gepbook.params import Params
from gepbook.prices import ComparablePrices
from gepbook.specific_units.valuation import SpecificUnitParams


def models() -> dict[str, type[Params]]:
    """Return the model of every section under params/defaults/ and params/policy/."""
    return {
        **{f.parameters: f.params for m in registry.factor_methods().values() for f in m.values()},
        **{s.parameters: s.params for m in registry.service_methods().values() for s in m.values()},
        "comparable_prices": ComparablePrices,
        uncertainty.SECTION: uncertainty.UncertaintyParams,
        change.SECTION: change.ChangeParams,
        seea.SECTION: seea.SeeaParams,
        sites.SECTION: sites.SitesParams,
        limits.SECTION: limits.Limits,
        condition.SECTION: condition.ConditionParams,
        registration.SECTION: registration.RegistrationParams,
        monitoring.SECTION: monitoring.MonitoringParams,
        asset_account.SECTION: asset_account.AssetAccountParams,
        grading.SECTION: grading.GradingParams,
        "plausibility": PlausibilityParams,
        FORMS: FormsParams,
        "specific_unit": SpecificUnitParams,
        **{name: model for scheme in SCHEMES for name, model in scheme.sections.items()},
        **{name: model for topic in TOPICS for name, model in topic.sections.items()},
    }
