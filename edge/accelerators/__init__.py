"""What computes the networks on this device: found, chosen, proven, and replaced when it fails.

`probe` says what there is and why something is not. `choose` opens a bundle's networks on the first
accelerator that proves itself: in a child process first, since a library may crash or hang, then
here with the golden tensors. What fails later, while it serves, is replaced by the next one. The
processor is the last; each step back is in the log and on the record.
"""

from edge.accelerators.choosing import Opened, choose, join
from edge.accelerators.probing import Accelerator, probe
from edge.accelerators.settings import AcceleratorSettings

__all__ = ["Accelerator", "AcceleratorSettings", "Opened", "choose", "join", "probe"]
