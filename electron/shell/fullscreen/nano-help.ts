import { ctrl } from './keys.ts'
import type { NanoView } from './nano-screen.ts'

/** The two lines at the bottom, for the editor and for each of its questions. */
export const MAIN: NanoView['help'] = [
  ['^G', 'Help'], ['^X', 'Exit'], ['^O', 'Write Out'], ['^R', 'Read File'], ['^W', 'Where Is'], ['^\\', 'Replace'],
  ['^K', 'Cut'], ['^U', 'Paste'], ['^T', 'Execute'], ['^J', 'Justify'], ['^C', 'Location'], ['^/', 'Go To Line'],
  ['M-U', 'Undo'], ['M-E', 'Redo'], ['M-A', 'Set Mark'], ['M-6', 'Copy'], ['M-]', 'To Bracket'], ['^Q', 'Where Was'],
  ['M-Q', 'Previous'], ['M-W', 'Next'], ['^B', 'Back'], ['^F', 'Forward'],
]
const FREE = ['', ''] as const
export const YES_NO: NanoView['help'] = [[' Y', 'Yes'], [' N', 'No'], FREE, ['^C', 'Cancel']]
export const EACH: NanoView['help'] = [[' Y', 'Yes'], [' N', 'No'], [' A', 'All'], ['^C', 'Cancel']]
export const WRITING: NanoView['help'] = [['^G', 'Help'], ['^C', 'Cancel'], ['M-D', 'DOS Format'], ['M-M', 'Mac Format'], ['M-A', 'Append'], ['M-P', 'Prepend'], ['M-B', 'Backup File'], ['^T', 'Browse']]
export const SEARCHING: NanoView['help'] = [['^G', 'Help'], ['^C', 'Cancel'], ['M-C', 'Case Sens'], ['M-R', 'Reg.exp.'], ['M-B', 'Backwards'], ['^R', 'Replace'], ['^P', 'Older'], ['^N', 'Newer'], ['^T', 'Go To Line']]
export const REPLACING: NanoView['help'] = [['^G', 'Help'], ['^C', 'Cancel'], ['M-C', 'Case Sens'], ['M-R', 'Reg.exp.'], ['M-B', 'Backwards'], ['^R', 'No Replace'], ['^P', 'Older'], ['^N', 'Newer']]
export const WITH: NanoView['help'] = [['^G', 'Help'], ['^C', 'Cancel'], ['^P', 'Older'], ['^N', 'Newer']]
export const GOING: NanoView['help'] = [['^G', 'Help'], ['^C', 'Cancel'], ['^W', 'Begin of Paragr.'], ['^O', 'End of Paragraph'], ['^Y', 'First Line'], ['^V', 'Last Line'], ['^T', 'Go To Text']]
export const READING: NanoView['help'] = [['^G', 'Help'], ['^C', 'Cancel'], ['M-F', 'New Buffer'], ['M-N', 'No Conversion'], ['^X', 'Execute Command'], ['^T', 'Browse']]
/** Keys that nano has and this one has not. */
export const UNDONE = new Set([...'ZJTV])({}3KISPXLYM<>:;.,OBFHR'].map((c) => `M-${c}`).concat(['J', 'T', ']', 'G', 'Z', '^'].map((c) => ctrl(c))))
