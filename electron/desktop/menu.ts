import type { MenuItemConstructorOptions } from 'electron'

/** The usual menus; what Podhop does itself is reached in the window. */
export function menuTemplate(name: string, platform: NodeJS.Platform): MenuItemConstructorOptions[] {
  const mac: MenuItemConstructorOptions[] = platform === 'darwin' ? [{ label: name, submenu: [{ role: 'about' }, { type: 'separator' }, { role: 'hide' }, { role: 'hideOthers' }, { type: 'separator' }, { role: 'quit' }] }] : []
  return [
    ...mac,
    ...(platform === 'darwin' ? [] : [{ label: '&File', submenu: [{ role: 'quit' as const }] }]),
    { label: '&Edit', submenu: [{ role: 'copy' }, { role: 'paste' }, { role: 'selectAll' }] },
    { label: '&View', submenu: [{ role: 'resetZoom' }, { role: 'zoomIn' }, { role: 'zoomOut' }, { type: 'separator' }, { role: 'togglefullscreen' }] },
    { role: 'window', submenu: [{ role: 'minimize' }, { role: 'close' }] },
  ]
}
