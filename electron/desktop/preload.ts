import { contextBridge, ipcRenderer, type IpcRendererEvent } from 'electron'
import type { DesktopBridge } from '../bridge/protocol.ts'
import { CHANNEL } from './channel.ts'

const bridge: DesktopBridge = {
  send: (message) => ipcRenderer.send(CHANNEL, message),
  onMessage: (listener) => {
    const receive = (_event: IpcRendererEvent, message: unknown): void => listener(message)
    ipcRenderer.on(CHANNEL, receive)
    return () => ipcRenderer.off(CHANNEL, receive)
  },
}

contextBridge.exposeInMainWorld('podhop', bridge)
