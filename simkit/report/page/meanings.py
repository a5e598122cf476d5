"""What each measure means, by the name it is printed with."""

MEANINGS = {
    "stops after": "from the caller's first sound until the agent was silent in the caller's ear "
    "for 200 ms, over all barge-ins",
    "answers after": "from the caller's last sound to the agent's first in the caller's ear",
    "missed": "interruptions to which the agent did not give way within 2 s",
    "stops for noise": "noises and asides to which the agent gave way although nobody spoke to it",
    "talks over": "the agent began to be heard while the caller spoke",
    "both at once": "for how long caller and agent were heard at the same time",
    "to the caller": "delay from the agent's mouth to the caller's ear, median; by ITU-T G.114 "
    "under 150 ms is good, over 400 ms bad",
    "to Vapi": "delay from the caller's mouth to the agent's ear, median",
    "heard": "what was wrong with the agent's words as the caller heard them, against those that "
    "were synthesised",
    "never heard": "of the agent's words, synthesised and not heard: flushed, or lost",
    "first words lost": "beginning of the caller's first words that never reached the agent",
    "clarity": "signal to noise of the agent's words in the caller's ear, and what mu-law alone "
    "leaves",
    "jitter": "highest interarrival jitter of each leg, as RFC 3550 defines it",
    "pacing error": "how late the run in real time was for its own deadlines",
    "told the model": "what the bridge told the model that the caller had heard, minus what was",
    "left over": "tasks and sockets of a call that were there a second after its end",
}

PARTS = {
    "detect": "from the caller's first sound until the first message that tells of it reaches the "
    "bridge",
    "react": "from then until the bridge has sent a clear",
    "fly": "from then until the clear is at Twilio",
    "tail": "from then until the agent is silent in the caller's ear",
}
"""What the parts of a barge-in mean, in their order."""
