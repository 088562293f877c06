"""What Axle does not know yet, and what its answers mean.

Gives ``next_call`` and ``axle_due`` (``differences``): the ladder tariff, intent, plug state, charge-now, and when to
go on; ``AxleCall`` (``calls``): a call and its body; and what an acknowledgement, a refusal or a lost answer makes of
the twin (``answers``).
"""
