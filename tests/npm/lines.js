// How the programs of this folder talk with a test: one JSON object a line, orders in, news out.
const readline = require('readline')

function tell(what) {
  process.stdout.write(JSON.stringify(what) + '\n')
}

// orders: { name: function (order) -> value or promise }; each order is answered with {done: its id, ...}.
function obey(orders) {
  const input = readline.createInterface({ input: process.stdin })
  input.on('line', async (line) => {
    const order = JSON.parse(line)
    try {
      tell({ done: order.id, value: await orders[order.do](order) })
    } catch (error) {
      tell({ done: order.id, error: String(error && error.message || JSON.stringify(error)) })
    }
  })
  input.on('close', () => process.exit(0))
}

module.exports = { tell, obey }
