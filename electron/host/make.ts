import { join } from 'node:path'
import { App } from './app.ts'
import { appFolder, appVersion, buildFingerprint, dataFolder, offersHostTerminal } from './layout.ts'

export interface MakeOptions {
  host: 'electron' | 'web'
  test: boolean
  /** Terminals of the real machine are offered, unless this installation does without. */
  hostTerminal: boolean
  dataFolder?: string
  /** Imported packs; by default in the data folder. */
  packsFolder?: string
  freeCluster?: object
  /** Manifests applied to the free cluster. */
  manifests?: readonly string[]
}

/** The app with this checkout's, or this installation's, labs and pages. */
export function makeApp(options: MakeOptions): App {
  const folder = appFolder()
  return new App({
    dataFolder: options.dataFolder ?? dataFolder(),
    labsFolder: join(folder, 'labs'),
    packsFolder: options.packsFolder ?? join(options.dataFolder ?? dataFolder(), 'packs'),
    explanationsFolder: join(folder, 'assets', 'explanations'),
    version: appVersion(folder),
    build: buildFingerprint(),
    host: options.host,
    test: options.test,
    hostTerminal: options.hostTerminal && offersHostTerminal(folder),
    ...(options.freeCluster ? { freeCluster: options.freeCluster } : {}),
    ...(options.manifests ? { manifests: options.manifests } : {}),
  })
}
