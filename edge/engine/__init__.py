"""Work in many pieces, done in this process or on Ray: one interface, the same numbers.

Nothing here knows what a piece is. Ray is imported when an engine of that name is opened.
"""

from edge.engine.base import Done, Engine, EngineSettings, Task
from edge.engine.opening import open_engine
from edge.engine.options import engine_options

__all__ = ["Done", "Engine", "EngineSettings", "Task", "engine_options", "open_engine"]
