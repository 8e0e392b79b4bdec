import { appFolder, appVersion } from '../../host/layout.ts'

export function version(): number {
  process.stdout.write(`podhop ${appVersion(appFolder())} (Kubernetes v1.33, simulated)\n`)
  return 0
}
