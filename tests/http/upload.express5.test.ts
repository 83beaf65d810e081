import { describeUploads } from './upload/run.js'

describeUploads('express5')
