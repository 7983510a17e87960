"""Owns settlements, their steps, clearing's notices, penalties and the work that people do on them.
Says settlements opened, advanced, settled, failed, cancelled, compensated, in need of a person.
Hears trades executed, cancelled and amended, splits, calendars changed, and clearing's notices.
Never posts without a confirmation or two people, and never undoes what is settled but by a return."""
