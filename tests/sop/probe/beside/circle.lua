-- circle.lua -- requires itself, which is an error.
return require("beside.circle")
