-- words.lua -- what steps_test.lua requires: loaded once.
local count = 0
return { greeting = "问候", next = function() count = count + 1 return count end }
