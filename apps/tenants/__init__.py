"""Owns tenants, users, memberships, API keys and who may do what.
Says nothing.
Hears nothing.
Never answers for a tenant without being asked for one."""
