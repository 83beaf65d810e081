import { describeUploads } from './upload/run.js'

describeUploads('node')
