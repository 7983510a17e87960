"""A tenant decides about its conversations."""

from apps.conversations.models import Policy


def save_policy(policy: Policy) -> None:
    """What the tenant decided, from now on. Raises Django's `ValidationError`."""
    policy.full_clean(validate_unique=False)
    policy.save()
