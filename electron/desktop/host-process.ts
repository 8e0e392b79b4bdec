import type { Message, Transport } from '../bridge/protocol.ts'
import { packsFolder } from '../host/layout.ts'
import { makeApp } from '../host/make.ts'

/** The cluster's own process in Electron: the window stays smooth whatever the cluster does. */
type FromMain = { type: 'message'; message: unknown } | { type: 'stop' }

const port = process.parentPort
const listeners: ((message: unknown) => void)[] = []
const window: Transport = {
  send: (message: Message) => port.postMessage(message),
  onMessage: (listener) => void listeners.push(listener),
  onClose: () => undefined,
}

const app = makeApp({ host: 'electron', test: process.env['PODHOP_TEST'] === '1', hostTerminal: true, dataFolder: process.env['PODHOP_DATA'], packsFolder: packsFolder() })
app.connect(window)
port.on('message', (event) => {
  const data = event.data as FromMain
  if (data.type === 'message') for (const listener of listeners) listener(data.message)
  else {
    app.stop()
    process.exit(0)
  }
})
void app.start()
