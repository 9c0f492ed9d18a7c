// The vendor's own client for bots of WeCom, told what to do line by line.
const { WSClient, generateReqId } = require('@wecom/aibot-node-sdk')
const { tell, obey } = require('./lines')

const [url, botId, secret] = process.argv.slice(2)
const quiet = { debug() {}, info() {}, warn(...a) { tell({ log: a.map(String).join(' ') }) }, error(...a) { tell({ log: a.map(String).join(' ') }) } }
const client = new WSClient({ botId, secret, wsUrl: url, heartbeatInterval: 300, reconnectInterval: 100, logger: quiet })

for (const name of ['connected', 'authenticated', 'disconnected', 'reconnecting', 'error', 'message', 'message.text', 'message.mixed',
  'message.image', 'message.voice', 'message.file', 'message.video', 'event', 'event.enter_chat', 'event.template_card_event',
  'event.feedback_event', 'event.disconnected_event']) {
  client.on(name, (what) => tell({ event: name, frame: what instanceof Error ? what.message : what }))
}

obey({
  connect() { client.connect() },
  stream: (o) => client.replyStream(o.frame, o.stream, o.content, o.finish),
  reply: (o) => client.reply(o.frame, o.body),
  welcome: (o) => client.replyWelcome(o.frame, o.body),
  card: (o) => client.replyTemplateCard(o.frame, o.card),
  update: (o) => client.updateTemplateCard(o.frame, o.card, o.users),
  push: (o) => client.sendMessage(o.chat, o.body),
  upload: (o) => client.uploadMedia(Buffer.from(o.data, 'base64'), { type: o.type, filename: o.name }),
  async download(o) {
    const { buffer, filename } = await client.downloadFile(o.url, o.aeskey)
    return { data: buffer.toString('base64'), filename }
  },
  reqId: () => generateReqId('aibot_send_msg')
})
