"""The differences between the twin and Axle's knowledge of it, and the meaning of Axle's answers.

Gives ``next_call`` and ``axle_due`` (``differences``): the next report, in the order tariff, intent, plug state,
charging rate, charge-now, and its time; ``AxleCall`` (``calls``): a call and its body; the values that a lost answer
leaves in doubt (``doubts``); and the twin after an acknowledgement, a refusal or a lost answer (``answers``).
"""
