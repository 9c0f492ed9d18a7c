return { hello = { text = "来看看吧" } }
