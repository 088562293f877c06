"""What Axle does not know yet, and what its answers mean.

Gives ``next_call`` and ``axle_due`` (``differences``): the next report, in the order tariff, intent, plug state,
charging rate, charge-now, and when to go on; ``AxleCall`` (``calls``): a call and its body; what a lost answer leaves
in doubt (``doubts``); and what an acknowledgement, a refusal or a lost answer makes of the twin (``answers``).
"""
