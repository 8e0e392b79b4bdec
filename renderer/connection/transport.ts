import type { DesktopBridge, Message, Transport } from '../../electron/bridge/protocol.ts'

/** Opens the carrier to the host. Called again after a loss; rejects when the host cannot be reached. */
export type Connect = () => Promise<Transport>

declare global {
  interface Window {
    podhop?: DesktopBridge
  }
}

/** Electron's preload when it is there, else a WebSocket to the page's own origin. */
export function connectToHost(): Promise<Transport> {
  return window.podhop ? Promise.resolve(desktopTransport(window.podhop)) : openWebSocket(socketAddress())
}

function desktopTransport(bridge: DesktopBridge): Transport {
  return {
    send: (message) => bridge.send(message),
    onMessage: (listener) => void bridge.onMessage(listener),
    onClose: () => {},
  }
}

const TOKEN = 'podhop.token'

/** The token leaves the address bar at once, so that it is in no history and no copied link. */
function socketAddress(): string {
  const page = new URL(location.href)
  const given = page.searchParams.get('token')
  if (given) {
    sessionStorage.setItem(TOKEN, given)
    page.searchParams.delete('token')
    history.replaceState(null, '', page)
  }
  const token = sessionStorage.getItem(TOKEN)
  const socket = new URL('/bridge', location.href)
  socket.protocol = page.protocol === 'https:' ? 'wss:' : 'ws:'
  if (token) socket.searchParams.set('token', token)
  return socket.href
}

function openWebSocket(address: string): Promise<Transport> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(address)
    socket.onerror = () => reject(new Error('Podhop does not answer.'))
    socket.onopen = () => {
      resolve({
        send: (message: Message) => socket.send(JSON.stringify(message)),
        onMessage: (listener) => socket.addEventListener('message', (event) => listener(JSON.parse(String(event.data)))),
        onClose: (listener) => socket.addEventListener('close', () => listener()),
      })
    }
  })
}
