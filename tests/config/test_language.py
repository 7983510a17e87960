"""The demo's bot: made once, and it understands what its flows speak of."""

from apps.conversations.models import Bot, BotFlow
from apps.nlu import services
from apps.nlu.facade import runtime
from apps.nlu.models import TrainedModel
from apps.nlu.services import reading, terms
from apps.tenants.models import Tenant
from config import language


def test_it_is_made_once_and_understands(tenant: Tenant) -> None:
    for _ in range(2):
        language.set_up(tenant)

    assert Bot.objects.count() == 1
    assert BotFlow.objects.count() == len(language.FLOWS)
    assert TrainedModel.objects.count() == 1
    terms.forget()
    found = services.interpret(tenant.pk, "what's my balance?")
    assert (found.intent, found.provider, found.degraded) == ("balance", "local", False)
    runtime.stop()
    reading.forget()
    terms.forget()
