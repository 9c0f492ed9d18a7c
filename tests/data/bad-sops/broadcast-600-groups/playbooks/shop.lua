-- shop.lua -- a playbook of one shop.
return {
  groups = (function()
    local list = {}
    for i = 1, 600 do
      list[i] = "qq1:" .. 700000000 + i
    end
    return list
  end)(),
  keepers = true,
  flows = {
    "news",
  },
}
