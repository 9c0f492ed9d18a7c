return { groups = { "qq1:*" }, flows = { "common" } }
