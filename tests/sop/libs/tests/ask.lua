-- ask.lua -- for the tests beside it: runs a table of calls, each { "lib.function", arguments as JSON, what it returns as the flow libs
-- shows it }, and names the first that returns something else.
return function(g, calls)
  for _, call in ipairs(calls) do
    g:says("小美", "算 " .. call[1] .. " " .. call[2])
    local said = g:expect{}.text
    g:equal(said, "[" .. call[3] .. "]", call[1] .. " of " .. call[2])
  end
end
