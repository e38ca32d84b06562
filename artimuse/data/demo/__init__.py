"""Demo data: drawn scenes of known quality, in the official formats of the three papers.

Needs numpy and PIL alone.
"""

from artimuse.data.demo.write import DemoSizes, write_demo_data

__all__ = ["DemoSizes", "write_demo_data"]
