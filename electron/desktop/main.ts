import { join } from 'node:path'
import { app, BrowserWindow, ipcMain, Menu, net, protocol, session, utilityProcess, type IpcMainEvent, type UtilityProcess } from 'electron'
import { pathToFileURL } from 'node:url'
import { appFolder } from '../host/layout.ts'
import { menuTemplate } from './menu.ts'
import { CHANNEL } from './channel.ts'

/**
 * Electron's entry: one window, one process for the cluster, and a relay between them. Everything else is in host/,
 * which the web host runs too.
 */
const SCHEME = 'app'
const ORIGIN = `${SCHEME}://podhop`
const folder = appFolder()
const windowFolder = join(folder, 'out', 'renderer')

protocol.registerSchemesAsPrivileged([{ scheme: SCHEME, privileges: { standard: true, secure: true, supportFetchAPI: true } }])

let window: BrowserWindow | undefined
let host: UtilityProcess | undefined

if (!app.requestSingleInstanceLock()) app.quit()
else {
  app.on('second-instance', () => {
    if (window?.isMinimized()) window.restore()
    window?.focus()
  })
  void app.whenReady().then(open)
  app.on('window-all-closed', () => app.quit())
  app.on('before-quit', () => host?.postMessage({ type: 'stop' }))
  app.on('web-contents-created', (_event, contents) => {
    contents.setWindowOpenHandler(() => ({ action: 'deny' }))
    contents.on('will-navigate', (event) => event.preventDefault())
    contents.on('will-attach-webview', (event) => event.preventDefault())
  })
}

function open(): void {
  protocol.handle(SCHEME, (request) => {
    const url = new URL(request.url)
    const file = join(windowFolder, url.pathname === '/' ? 'index.html' : decodeURIComponent(url.pathname))
    if (url.host !== 'podhop' || !file.startsWith(windowFolder)) return new Response('Not found', { status: 404 })
    return net.fetch(pathToFileURL(file).toString())
  })
  session.defaultSession.setPermissionRequestHandler((_contents, _permission, answer) => answer(false))
  session.defaultSession.setPermissionCheckHandler(() => false)
  Menu.setApplicationMenu(Menu.buildFromTemplate(menuTemplate(app.name, process.platform)))
  host = startHost()
  window = new BrowserWindow({
    width: 1280,
    height: 800,
    minWidth: 900,
    minHeight: 600,
    show: false,
    backgroundColor: '#16181c',
    title: 'Podhop',
    webPreferences: {
      preload: join(folder, 'out', 'preload', 'preload.cjs'),
      contextIsolation: true,
      sandbox: true,
      nodeIntegration: false,
      webSecurity: true,
      spellcheck: false,
    },
  })
  window.once('ready-to-show', () => window?.show())
  window.on('closed', () => (window = undefined))
  void window.loadURL(`${ORIGIN}/`)
}

function startHost(): UtilityProcess {
  const child = utilityProcess.fork(join(folder, 'out', 'main', 'host-process.cjs'), [], {
    serviceName: 'Podhop cluster',
    // As in cli/podhop.mjs, where it is said why.
    execArgv: ['--js-flags=--max-semi-space-size=64'],
    env: { ...process.env, PODHOP_DATA: app.getPath('userData'), PODHOP_TEST: process.argv.includes('--test') ? '1' : '' },
  })
  child.on('message', (message: unknown) => window?.webContents.send(CHANNEL, message))
  child.on('exit', (code) => {
    if (code !== 0) window?.webContents.send(CHANNEL, { type: 'event', name: 'notice', payload: { level: 'error', text: 'The cluster has stopped unexpectedly. Start Podhop again: it continues where you were.' } })
  })
  ipcMain.on(CHANNEL, (event, message: unknown) => {
    if (fromOurWindow(event)) child.postMessage({ type: 'message', message })
  })
  return child
}

/** Only our own page in our own window may speak to the host. */
function fromOurWindow(event: IpcMainEvent): boolean {
  const frame = event.senderFrame
  return event.sender === window?.webContents && frame !== null && frame.parent === null && new URL(frame.url).origin === ORIGIN
}
