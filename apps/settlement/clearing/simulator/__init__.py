"""A clearing system of its own, for development and tests: a separate process over the real wire.

It takes signed instructions, settles them after a while, tells so to our webhook until we have taken
it, and misbehaves as it is told to: slowly, twice, late, in parts, in contradiction, or not at all. It
keeps its book in a file, as a clearing system forgets nothing when it is restarted.

No Django here: what it knows of us is the wire.
"""
