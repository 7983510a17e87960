"""What a newcomer finds at the desk and at the widget."""

from apps.agents import selectors as agents
from apps.conversations import selectors
from apps.tenants.models import Role
from apps.tenants.services import add_member
from config import demo_desk


def test_it_is_made_once_and_what_was_changed_stays(tenant):
    user, _ = add_member(tenant, username="demo", role=Role.OWNER, password="correct-horse-7")
    for _ in range(2):
        demo_desk.set_up(tenant, user)
    assert agents.agent_of(tenant.pk, f"user:{user.pk}").capacity == 4
    assert [one.name for one in selectors.widgets_of(tenant.pk)] == ["Demo site"]
    assert len(selectors.canned_replies(tenant.pk)) == len(demo_desk.REPLIES)
    assert selectors.only_widget() is not None
