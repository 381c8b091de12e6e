"""Pictures of somebody's own: a folder, a zip, a table or an .npz as one more data set.

They are opened once (`opening`): found (`listing`), decoded and resized (`decoding`), and written
into a cache in the data folder (`cache`), which is named by a hash of all that it holds. From then
on they are a data source like the others (`source`). `duplicates` and `preview` say what is in
them before anything trains. Without torch.
"""
