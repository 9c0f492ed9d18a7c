-- figures_run.lua -- behind daemon/lua/prelude/figures.lua in the chunk of ctl_report_figures.c: figures of a list of tallies, and its sum.
local S, tallies = ...
local f = S.sop.figures(tallies)
f.sum = S.sop.add_tallies(tallies)
return f
