"""The benchmark: networks beside others in turns, fields by stage, the machine, and a verdict.

One room a question; `record` joins their answers, and the command `clinicscope bench` writes them.
"""
